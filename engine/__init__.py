"""Language models: text in, tokens out."""
