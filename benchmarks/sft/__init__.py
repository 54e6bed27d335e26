"""Supervised fine-tuning by our loop and by TRL's, each measured in a process of its own.

Both get the same tokens with the same labels, and start from the same weights.
"""
