"""The one training loop, its checkpoints, optimizers and augmentation."""
