"""What the numbers of the user's code say."""
