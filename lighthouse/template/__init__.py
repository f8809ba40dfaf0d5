"""Files of any software, rendered from templates of the operator."""
