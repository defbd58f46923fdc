"""The calls of llama.cpp that the engines share: load, tokenise, fill a batch. Runs in the child process only."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp

from profilegen.errors import ModelError

_quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
_MAX_TOKEN_BYTES = 256


def load_model(path: str, *, gpu_layers: int = 0) -> Any:
    """Load a GGUF file and return llama.cpp's pointer to the model.

    :param path: the file.
    :param gpu_layers: number of layers on the GPU; -1 for all.
    :raises ModelError: llama.cpp cannot load the file.
    """
    llama_cpp.llama_log_set(_quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise ModelError(
            f"{path} cannot be loaded: it is damaged, of an architecture this llama.cpp does not know, "
            "or larger than the memory that is free"
        )
    return model


def new_context(model: Any, **settings: Any) -> Any:
    """Return a new context with flash attention.

    :param model: llama.cpp's model.
    :param settings: fields of llama.cpp's `llama_context_params`.
    :raises ModelError: llama.cpp cannot create it, most often for lack of memory.
    """
    params = llama_cpp.llama_context_default_params()
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
    for name, value in settings.items():
        setattr(params, name, value)
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise ModelError("the model was loaded, but there is not enough memory for its context; use fewer workers")
    return context


def tokenize(vocab: Any, text: str, *, special: bool, parse_special: bool) -> list[int]:
    """Return the tokens of a text.

    :param vocab: llama.cpp's vocabulary.
    :param text: any text; what UTF-8 cannot encode becomes a question mark.
    :param special: add the tokens that the model expects at both ends.
    :param parse_special: read the names of control tokens in the text as these tokens. False for text of users.
    """
    data = text.encode("utf-8", errors="replace")
    room = len(data) + 8
    tokens = (llama_cpp.llama_token * room)()
    count = llama_cpp.llama_tokenize(vocab, data, len(data), tokens, room, special, parse_special)
    if count < 0:
        tokens = (llama_cpp.llama_token * -count)()
        count = llama_cpp.llama_tokenize(vocab, data, len(data), tokens, -count, special, parse_special)
    return list(tokens[:count])


def token_bytes(vocab: Any, token: int) -> bytes:
    """Return the text of a token as bytes, which may be part of a character.

    :param vocab: llama.cpp's vocabulary.
    :param token: index in the vocabulary.
    """
    buffer = (ctypes.c_char * _MAX_TOKEN_BYTES)()
    length = llama_cpp.llama_token_to_piece(vocab, token, buffer, _MAX_TOKEN_BYTES, 0, False)
    return ctypes.string_at(buffer, max(0, length))


def llguidance_tokenizer(vocab: Any) -> Any:
    """Return the vocabulary in the form that llguidance uses; takes a second for 50,000 tokens.

    :param vocab: llama.cpp's vocabulary.
    """
    from llguidance.llamacpp import lltokenizer_from_vocab

    ends = [
        token for token in range(llama_cpp.llama_vocab_n_tokens(vocab)) if llama_cpp.llama_vocab_is_eog(vocab, token)
    ]
    return lltokenizer_from_vocab(vocab, eos_token=ends or None)


class Batch:
    """A batch of llama.cpp that is filled again for each call.

    :param n_tokens: number of tokens that it has room for.
    """

    def __init__(self, n_tokens: int) -> None:
        self._batch = llama_cpp.llama_batch_init(n_tokens, 0, 1)

    def clear(self) -> None:
        """Remove all tokens."""
        self._batch.n_tokens = 0

    def add(self, tokens: Sequence[int], sequence: int, *, start: int, logits: str) -> None:
        """Add tokens of a sequence.

        :param tokens: indices in the vocabulary.
        :param sequence: number of the sequence in the context.
        :param start: position of the first token in its sequence.
        :param logits: tokens for which logits are computed: `all`, `last` or `none`.
        """
        batch, at = self._batch, self._batch.n_tokens
        for offset, token in enumerate(tokens):
            index = at + offset
            batch.token[index] = token
            batch.pos[index] = start + offset
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = logits == "all"
        batch.n_tokens = at + len(tokens)
        if logits == "last" and tokens:
            batch.logits[batch.n_tokens - 1] = True

    def decode(self, context: Any) -> int:
        """Compute the batch; return llama.cpp's code: 0 for success, 1 for no room in the cache.

        :param context: llama.cpp's context.
        """
        return int(llama_cpp.llama_decode(context, self._batch))
