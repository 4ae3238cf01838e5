"""Pretrained models: find, load without surprises, take apart by layer, save without loss."""
