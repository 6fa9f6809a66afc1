"""What probes share: copies that can be trained or attacked, the images asked about, the attack."""
