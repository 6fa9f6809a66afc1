"""canforget: can a vision model forget, and does quantization bring the forgotten back?"""

__version__ = "0.1.0"
