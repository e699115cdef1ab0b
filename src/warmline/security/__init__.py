"""What trust is made of: keys and seals, redaction, fences. Every part may use it."""
