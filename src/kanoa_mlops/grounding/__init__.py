"""What an answer stands on: passages of the person's own documents, wherever they are kept."""
