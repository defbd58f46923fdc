"""The one table of languages."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from profilegen.language.record import Language
from profilegen.language.stemming import snowball

DEFAULT_CODE = "en"
"""The language that is assumed where nothing tells which it is."""

# The languages with code of their own: code → the module of this package that holds a `LANGUAGE`.
_MODULES = {
    "zh": "chinese",
}
# The languages of which only the stems are known: code → name, which is that of the Snowball algorithm.
_STEMMED = {
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hu": "Hungarian",
    "it": "Italian",
    "nl": "Dutch",
    "no": "Norwegian",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
}
# The names of further languages, which a writer has to be told.
_NAMED = {
    "ar": "Arabic",
    "bn": "Bengali",
    "cs": "Czech",
    "el": "Greek",
    "fa": "Persian",
    "he": "Hebrew",
    "hi": "Hindi",
    "id": "Indonesian",
    "ja": "Japanese",
    "ko": "Korean",
    "pl": "Polish",
    "ta": "Tamil",
    "th": "Thai",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
}


@cache
def language_of(code: str) -> Language:
    """Return the record of a language; one with defaults, named like its code, where there is none.

    :param code: its ISO 639-1 code, or `und` where it is not known.
    """
    if module := _MODULES.get(code):
        language: Language = import_module(f"{__package__}.{module}").LANGUAGE
        return language
    if name := _STEMMED.get(code):
        return Language(code, name, stem=snowball(name.lower()))
    return Language(code, _NAMED.get(code, code))
