"""Checks that a merged adapter answers in llama.cpp as it does in torch: python -m training.check_merge --help.

llama.cpp answers greedily on users that were held out, and torch says what it would write after each token. Weights
rounded to eight bits and another order of sums may turn the balance between two tokens that are about as likely.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from training.examples import read_users
from training.lm import Adapted, LanguageModel, Tokenizer
from training.rows import _notes_row, is_held_out


def main() -> int:
    """Print how many tokens are the same, and by how much those that differ are less likely."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="GGUF file that the training began with")
    parser.add_argument("--adapter", type=Path, required=True, help="safetensors file")
    parser.add_argument("--merged", type=Path, required=True, help="GGUF file that training.merge wrote")
    parser.add_argument("--prompts", type=int, default=5)
    parser.add_argument("--language", default="en", help="of the prompts")
    parser.add_argument("--tokens", type=int, default=60, help="of an answer, at most")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tokenizer = Tokenizer(options.base)
    users = [user for user in read_users() if is_held_out(user) and user["language"] == options.language]
    prompts = [_notes_row([user], tokenizer).prompt for user in users[: options.prompts]]
    answers = [_llama_answer(options.merged, prompt, options) for prompt in prompts]
    model = _adapted(options.base, options.adapter)
    same, total, gaps = 0, 0, [0.0]
    for prompt, answer in zip(prompts, answers, strict=True):
        with torch.inference_mode():
            hidden = model.hidden(torch.tensor([[*prompt, *answer]]))[0, len(prompt) - 1 : -1]
            probabilities = model.logits(hidden).softmax(-1)
        best, tokens = probabilities.argmax(-1), torch.tensor(answer)
        differ = (best != tokens).nonzero().flatten().tolist()
        gaps += [float(probabilities[at, best[at]] - probabilities[at, tokens[at]]) for at in differ]
        same, total = same + len(answer) - len(differ), total + len(answer)
    print(f"{same} of {total} tokens are those that torch would write after the same beginning;")
    print(f"elsewhere torch's own token is more probable by {max(gaps):.3f} at most")
    return 0


def _llama_answer(path: Path, prompt: list[int], options: argparse.Namespace) -> list[int]:
    from llama_cpp import Llama

    model = Llama(str(path), n_ctx=2_048, n_threads=options.threads, n_threads_batch=options.threads, verbose=False)
    answer: list[int] = []
    for token in model.generate(prompt, temp=0.0, repeat_penalty=1.0):
        answer.append(token)
        if token == model.token_eos() or len(answer) == options.tokens:
            break
    model.close()
    return answer


def _adapted(base: Path, adapter: Path) -> LanguageModel:
    """Return the model in torch, with the adapter beside its weights."""
    tensors = load_file(adapter)
    rank = next(len(values) for name, values in tensors.items() if name.endswith(".lora_a"))
    model = LanguageModel(base, rank)
    for module in model.modules():
        if isinstance(module, Adapted):
            first, *_ = module.names
            b = torch.cat([tensors[f"{name}.lora_b"] for name in module.names])
            module.a.data = tensors[f"{first}.lora_a"].float()
            module.b.data = b.float() / module.scale
    model.eval()
    return model


if __name__ == "__main__":
    sys.exit(main())
