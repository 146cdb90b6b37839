"""`lenet-predict`: what a trained run reads in a picture."""
