"""What the functions deploy: a room per word of the domain, and the doors to AWS and HTTP."""
