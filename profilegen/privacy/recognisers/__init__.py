"""What finds identifying things in texts, one module a kind, in time that is linear in the length of the text."""
