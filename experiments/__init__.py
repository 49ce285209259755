"""The questions asked of both networks: is it right, does it learn the same, what does it cost."""
