"""What figures are drawn with: SVG elements, scales, and a figure that holds its data and its words."""
