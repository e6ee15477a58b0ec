"""The whole service on one machine: emulated AWS, event pumps and the API in one command."""
