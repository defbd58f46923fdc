"""Claims to profiles: behaviour figures and summaries."""
