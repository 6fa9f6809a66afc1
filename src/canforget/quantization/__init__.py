"""What quantizers share: grids, ranges, folding, calibration and the rounding of layers."""
