"""Teach a pretrained model the language of a domain from raw text, and measure what that changed."""
