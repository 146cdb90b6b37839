"""What is said of a setting that does not exist: what it is called here, or that there is no such thing."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_ablate.config.checks import closest
from lenet_ablate.config.settings import setting_keys

ELSEWHERE = {
    "lr": ("learning_rate", "learningrate", "eta", "lr0", "learning_rate_init", "base_lr"),
    "batch_size": ("bs", "batch", "batchsize", "train_batch_size", "minibatch_size", "per_device_train_batch_size"),
    "epochs": ("num_epochs", "n_epochs", "nb_epoch", "max_epochs", "max_iter", "num_train_epochs"),
    "optimizer": ("optim", "solver", "optimiser", "opt"),
    "optimizer.momentum": ("momentum",),
    "optimizer.betas": ("betas", "beta_1", "beta_2", "beta1", "beta2"),
    "optimizer.weight_decay": ("weight_decay", "wd", "l2", "l2_penalty", "decay"),
    "activation": ("act", "act_fn", "activation_fn", "nonlinearity", "non_linearity"),
    "pool": ("pooling", "pool_type", "downsampling"),
    "seed": ("random_state", "random_seed", "manual_seed", "seeds", "rng"),
    "data": ("dataset", "data_set"),
    "data.val_size": ("val_size", "validation_split", "validation_fraction", "val_split"),
    "data_dir": ("data_path", "datadir", "dataset_dir", "root"),
    "init": ("kernel_initializer", "initializer", "weight_init"),
    "early_stop": ("early_stopping", "earlystopping", "callbacks"),
    "early_stop.patience": ("patience", "n_iter_no_change"),
    "model.hidden": ("hidden_layer_sizes", "hidden_sizes", "hidden"),
    "augment": ("augmentation", "transform", "transforms", "aug"),
    "output_dir": ("out", "outdir", "save_dir", "log_dir", "logdir", "out_dir", "output", "outputs"),
    "study": ("experiment_name", "run_name", "name", "project", "tag"),
    "report": ("make_report",),
    "hydra.launcher.workers": ("workers", "n_jobs", "jobs", "parallel", "max_workers"),
    "hydra.launcher.run_timeout": ("timeout", "run_timeout"),
    "hydra.launcher.isolate": ("isolate",),
    "hydra.launcher.retries": ("retries",),
    "hydra.launcher.on_error": ("on_error", "error_score"),
}
"""Settings, each with what PyTorch, Keras, scikit-learn and their kin call it, or with its name without the prefix."""

LACKING = {
    "dropout": ("dropout", "dropout_rate", "p_drop"),
    "normalisation of batches or layers": ("batch_norm", "batchnorm", "bn", "layer_norm", "batch_normalization"),
    "mixed precision": ("amp", "fp16", "bf16", "precision", "mixed_precision", "dtype"),
    "accumulation of gradients": ("accumulate_grad_batches", "gradient_accumulation_steps", "grad_accum"),
    "clipping of gradients": ("grad_clip", "clip_grad_norm", "max_grad_norm", "gradient_clip_val", "clipnorm"),
    "choice of loss (it is cross-entropy)": ("loss", "criterion", "loss_fn"),
    "loader with workers (the data lie in memory)": ("num_workers", "dataloader_num_workers", "pin_memory"),
}
"""What other programs have and this one has not."""

SCHEDULING = (
    "scheduler",
    "lr_scheduler",
    "schedule",
    "lr_schedule",
    "step_size",
    "gamma",
    "milestones",
    "warmup_steps",
)


def unknown_key(key: str, beside: Sequence[str] = ()) -> str:
    """The sentence for a key that does not exist.

    Args:
        key: As it was typed.
        beside: What else may be written where it stands.
    """
    plain = key.lower().replace("-", "_")
    if plain in SCHEDULING:
        example = "lr=step, or lr={initial:0.1,gamma:0.5,every:5}"
        return f"there is no setting '{key}'; a schedule is a value of lr: {example}"
    for thing, names in LACKING.items():
        if plain in names:
            return f"there is no setting '{key}', and no {thing} here"
    known = (*setting_keys(), *beside)
    guess = next((ours for ours, names in ELSEWHERE.items() if plain in names), None)
    guess = guess or closest(key, known) or closest(key.rpartition(".")[2], known)
    meant = f"; did you mean '{guess}'?" if guess else ""
    tops = ", ".join(known_key for known_key in known if "." not in known_key and known_key != "lr_schedules")
    return f"there is no setting '{key}'{meant}\n  settings: {tops}"
