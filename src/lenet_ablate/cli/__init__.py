"""`lenet-ablate` from the command line to Hydra; with `hydra_plugins` the only code that knows Hydra."""
