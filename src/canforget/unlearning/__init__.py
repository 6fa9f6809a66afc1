"""What unlearners share: importance, losses, masks, batches, and wrapping another method."""
