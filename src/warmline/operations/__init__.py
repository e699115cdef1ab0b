"""Operations: what an operator does with a line; benches, status, demo."""
