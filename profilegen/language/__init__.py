"""What depends on a language: cleaning, detection, sentences, words."""
