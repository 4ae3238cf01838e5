"""Fine-tune pretrained language models on your own text, and prove what the fine-tuning gained."""

__version__ = "0.1.0"
