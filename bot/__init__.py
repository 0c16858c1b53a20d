"""What a message means, who may ask and what is answered."""

__version__ = "0.1.0"
