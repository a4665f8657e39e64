"""What a message may be: its verdict, its violations, its Python type."""
