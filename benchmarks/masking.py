"""How much of what identifies people is masked, and how much else: items of every kind are planted in real texts.

    python -m benchmarks.masking chats.jsonl posts.jsonl --items 1000

Each file is a kind of texts. For each kind of item, so many are made, with right check digits, and put into texts drawn
from all files, some with words that say what they are and some without. Printed are, by kind and level: the share of
items that are masked, each as a whole; of what is masked as this kind in these texts, the share that was planted; and
how much is masked in 1,000 texts in which nothing was planted. What stood in the texts before counts as wrong, although
much of it is real. So the second figure is a lower bound.
"""

from __future__ import annotations

import argparse
import random
import re
import string
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from profilegen.ingest import Intake, read_documents
from profilegen.privacy import KINDS, Level, find
from profilegen.privacy.hint import words

_LEVELS: tuple[Level, ...] = ("standard", "strict")
_MAX_TEXT_CHARS = 4_000


class Planted(NamedTuple):
    """An item in a text.

    :param text: the text with the item.
    :param start: where the item begins.
    :param item: the item.
    :param language: of the text.
    """

    text: str
    start: int
    item: str
    language: str


def plant(kind: str, texts: Sequence[tuple[str, str]], number: int, seed: int) -> list[Planted]:
    """Return texts with an item each, at a place between two words.

    :param kind: of the items.
    :param texts: pairs of a language and a text.
    :param number: how many are wanted.
    :param seed: of the random choices.
    """
    draw = random.Random(f"{kind}-{seed}")
    planted = []
    for _ in range(number):
        language, text = draw.choice(texts)
        chinese = language == "zh"
        item, carriers = _MAKERS[kind](draw, chinese)
        before, after = draw.choice(carriers)
        gaps = [gap.start() for gap in re.finditer(r"[。，！？]|\s" if chinese else r"\s", text)] or [len(text)]
        at = draw.choice([*gaps, len(text)])
        head = f"{text[:at]} {before}" if not chinese else f"{text[: at + 1]}{before}"
        tail = text[at + 1 :] if chinese else text[at:]
        planted.append(Planted(f"{head}{item}{after}{tail}", len(head), item, language))
    return planted


def measure(texts: Sequence[tuple[str, str]], number: int, seed: int) -> Iterator[str]:
    """Yield the figures as rows of a table.

    :param texts: pairs of a language and a text.
    :param number: items of each kind.
    :param seed: of the random choices.
    """
    columns = [
        f"{figure}, {level}" for figure in ("recall", "precision", "in 1,000 texts as they are") for level in _LEVELS
    ]
    yield f"| kind | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    plain = {level: _counts(texts, level) for level in _LEVELS}
    for kind in KINDS:
        planted = plant(kind, texts, number, seed)
        scores = [_score(kind, planted, level) for level in _LEVELS]
        figures = [f"{recall:.3f}" for recall, _ in scores]
        figures += ["–" if precision is None else f"{precision:.3f}" for _, precision in scores]
        figures += [f"{1_000 * plain[level][kind] / len(texts):.1f}" for level in _LEVELS]
        yield f"| {kind} | {' | '.join(figures)} |"


def _counts(texts: Sequence[tuple[str, str]], level: Level) -> Counter[str]:
    return Counter(found.kind for language, text in texts for found in find(text, level, language))


def _score(kind: str, planted: Sequence[Planted], level: Level) -> tuple[float, float | None]:
    """Return how many items are masked as a whole, and how much of what is masked as their kind was planted."""
    masked = right = wrong = 0
    for each in planted:
        end = each.start + len(each.item)
        founds = find(each.text, level, each.language)
        covered = {at for found in founds for at in range(max(found.start, each.start), min(found.end, end))}
        masked += set(_characters(each)) <= covered
        for found in founds:
            if found.kind == kind:
                is_planted = found.start < end and found.end > each.start
                right, wrong = right + is_planted, wrong + (not is_planted)
    return masked / len(planted), right / (right + wrong) if right + wrong else None


def _characters(planted: Planted) -> list[int]:
    """Return where the letters and digits of the item stand."""
    return [planted.start + at for at, character in enumerate(planted.item) if character.isalnum()]


# --- items ------------------------------------------------------------------------------------------------

Carriers = Sequence[tuple[str, str]]
"""Words before and behind an item."""
_FIRST = words(
    """Anna Ben Carla David Elena Frank Grace Henry Ines James Karen Liam Maria Noah Olga Peter Rosa Sam
    Tina Victor"""
)
_LAST = words(
    """Kowalski Smith Garcia Jones Ivanov Brown Rossi Clark Nguyen Walker Weber Young Silva Moore Larsen
    Hill Costa"""
)
_STREETS = words(
    """Oak Maple High Church Station Park Mill Elm Victoria Lincoln Washington Cedar Sunset Hillside Market"""
)
_TYPES = words("""Street St Road Rd Avenue Ave Lane Drive Blvd Court Way Close""")
_TOWNS = ("Springfield, IL 62704", "Leeds LS1 4AP", "Austin, TX 78701", "Bristol", "")
_SURNAMES, _GIVEN = "王李张刘陈杨赵黄周吴徐孙", "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚"
_DISTRICTS = ("北京市朝阳区", "上海市浦东新区", "广州市天河区", "成都市武侯区", "杭州市西湖区", "")
_ROADS = ("建国路", "中山路", "人民南路", "解放大道", "文化街", "长江东路", "学院路")
_MONTHS = words("""January February March April May June July August September October November December""")


def _digits(draw: random.Random, count: int, first: str = string.digits) -> str:
    return draw.choice(first) + "".join(draw.choices(string.digits, k=count - 1))


def _letters(draw: random.Random, count: int, of: str = string.ascii_letters + string.digits) -> str:
    return "".join(draw.choices(of, k=count))


def _email(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    name = f"{draw.choice(_FIRST).lower()}{draw.choice(['.', '_', '', '-'])}{draw.choice(_LAST).lower()}"
    if chinese:
        name = f"{name[:6]}{_digits(draw, 4)}"
    host = draw.choice(["gmail.com", "qq.com", "163.com", "mail.example.co.uk", "uni-koeln.de", "outlook.com"])
    return f"{name}{draw.choice(['', '99', '+shop'])}@{host}", [
        ("", ""),
        *(
            [("邮箱：", "，"), ("发到", "就行")]
            if chinese
            else [("mail me at ", ", thanks"), ("(", ")"), ("E-mail: ", ".")]
        ),
    ]


def _phone(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    import phonenumbers

    region = draw.choice(["CN", "CN", "CN", "HK"] if chinese else ["US", "US", "GB", "AU", "IN", "DE", "FR"])
    kind = draw.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
    while True:
        example = phonenumbers.example_number_for_type(region, kind)
        assert example is not None
        text = str(example.national_number)
        example.national_number = int(text[:-6] + _digits(draw, 6))
        if phonenumbers.is_valid_number(example):
            break
    # A number of another country than that of the language is written with its code.
    national = region in {"US", "GB", "AU", "IN", "CN"} and draw.random() < 0.7
    forms = phonenumbers.PhoneNumberFormat
    item = phonenumbers.format_number(example, forms.NATIONAL if national else forms.INTERNATIONAL)
    style = draw.random()
    if style < 0.25:
        item = re.sub(r"[ ()-]", "", item)
    elif style < 0.45:
        item = item.replace(" ", "-")
    elif style < 0.55 and not chinese:
        item = item.replace(" ", ".")
    if chinese:
        return item, [("", ""), ("电话", ""), ("手机号：", "，"), ("打", "找我"), ("请联系", "。")]
    return item, [
        ("", ""),
        ("call me at ", "."),
        ("phone: ", ","),
        ("my number is ", ""),
        ("text ", " please"),
        ("(", ")"),
    ]


def _id(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    from stdnum import verhoeff
    from stdnum.cn import ric

    if chinese:
        while True:
            area = draw.choice(["110101", "310101", "440106", "510104", "330102"])
            body = f"{area}{draw.randint(1960, 2004)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{_digits(draw, 3)}"
            if ric.is_valid(number := body + ric.calc_check_digit(body + "0")):
                return number, [("", ""), ("身份证号：", "，"), ("身份证", "")]
    ssn = f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"
    pairs = " ".join(_digits(draw, 2) for _ in range(3))
    nino = f"{draw.choice(['AB', 'CE', 'JK', 'PR', 'SW'])} {pairs} {draw.choice('ABCD')}"
    body = _digits(draw, 11, "23456789")
    aadhaar = body + verhoeff.calc_check_digit(body)
    body = _digits(draw, 8)
    dni = body + "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23]
    passport = draw.choice("CEX") + _digits(draw, 8)
    plain: Carriers = [("", ""), ("my ID is ", "."), ("number ", ",")]
    return draw.choice(
        [
            (ssn, [*plain, ("SSN ", "")]),
            (nino, [*plain, ("NI number ", "")]),
            (" ".join((aadhaar[:4], aadhaar[4:8], aadhaar[8:])), [*plain, ("Aadhaar ", "")]),
            (dni, [*plain, ("DNI ", "")]),
            (passport, [("passport number ", ","), ("my passport is ", ".")]),
        ]
    )


def _card(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    from stdnum import luhn

    start, length = draw.choice(
        [("622848", 19), ("621700", 19), ("625912", 16)]
        if chinese
        else [("4", 16), ("52", 16), ("37", 15), ("6011", 16), ("4", 16)]
    )
    body = start + _digits(draw, length - len(start) - 1)
    number = body + luhn.calc_check_digit(body)
    if draw.random() < 0.6:
        parts = (number[:4], number[4:10], number[10:]) if length == 15 else re.findall(r"\d{1,4}", number)
        number = draw.choice(" -" if not chinese else " ").join(parts)
    return number, [
        ("", ""),
        *([("卡号", ""), ("银行卡：", "，")] if chinese else [("card ", "."), ("my Visa: ", " exp 12/27")]),
    ]


def _iban(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    from stdnum import iban

    country, bban = draw.choice(
        [
            ("DE", _digits(draw, 18)),
            ("GB", f"NWBK{_digits(draw, 14)}"),
            ("NL", f"ABNA{_digits(draw, 10)}"),
            ("AT", _digits(draw, 16)),
            ("PL", _digits(draw, 24)),
        ]
    )
    number = f"{country}{iban.calc_check_digits(f'{country}00{bban}')}{bban}"
    if draw.random() < 0.5:
        number = " ".join(re.findall(r".{1,4}", number))
    return number, [("", ""), ("IBAN ", "."), ("IBAN: ", ",")]


def _ip(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    import ipaddress

    while True:
        four = ipaddress.IPv4Address(draw.getrandbits(32))
        six = ipaddress.IPv6Address(
            0x2A << 120 | draw.getrandbits(112) if draw.random() < 0.5 else 0x2600 << 112 | draw.getrandbits(80)
        )
        chosen = four if draw.random() < 0.75 else six
        if chosen.is_global:
            return str(chosen), [("", ""), ("IP ", ","), ("from ", "."), ("[", "]")] if not chinese else [
                ("", ""),
                ("IP：", "，"),
            ]


def _link(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    key = _letters(draw, draw.randint(20, 40))
    return draw.choice(
        [
            f"https://shop.example.com/reset?token={key}",
            f"https://docs.google.com/document/d/1{key}/edit",
            f"https://us02web.zoom.us/j/{_digits(draw, 10)}?pwd={key[:20]}",
            f"https://{draw.choice(_FIRST).lower()}:{key[:10]}@files.example.org/a.zip",
            f"https://bucket.s3.amazonaws.com/a.jpg?X-Amz-Signature={key}&X-Amz-Date=20240101",
            f"http://example.net/unsubscribe?email={draw.choice(_FIRST)}%40example.com",
            f"https://www.linkedin.com/in/{draw.choice(_FIRST).lower()}-{draw.choice(_LAST).lower()}",
        ]
    ), [("", ""), ("see ", "."), ("(", ")"), ("link: ", "")] if not chinese else [
        ("", ""),
        ("链接：", "，"),
        ("打开", "。"),
    ]


def _secret(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    named: Carriers = (
        [("密码：", "，"), ("密码是", "。")] if chinese else [("password: ", ""), ("pwd=", ","), ("api_key: ", "")]
    )
    plain: Carriers = [("", ""), *named]
    return draw.choice(
        [
            (f"ghp_{_letters(draw, 36)}", plain),
            (f"AKIA{_letters(draw, 16, string.ascii_uppercase + string.digits)}", plain),
            (f"sk-{_letters(draw, 40)}", plain),
            (f"eyJ{_letters(draw, 30)}.{_letters(draw, 60)}.{_letters(draw, 43)}", plain),
            (f"{draw.choice(_LAST)}{_digits(draw, 3)}", named),
        ]
    )


def _address(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    if chinese:
        flat = draw.choice(
            [
                "",
                f"{draw.randint(1, 9)}号楼{draw.randint(101, 2505)}室",
                f"{draw.randint(1, 30)}栋{draw.randint(101, 999)}",
            ]
        )
        return f"{draw.choice(_DISTRICTS)}{draw.choice(_ROADS)}{draw.randint(1, 999)}号{flat}", [
            ("", "，"),
            ("我住在", "，"),
            ("地址：", "。"),
            ("寄到", "，"),
        ]
    town = draw.choice(_TOWNS)
    street = f"{draw.randint(1, 2500)} {draw.choice(_STREETS)} {draw.choice(_TYPES)}"
    item = f"{street}, {town}" if town else street
    return item, [("I live at ", "."), ("", ","), ("ship it to ", "."), ("Address: ", "\n")]


def _handle(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    name = f"{draw.choice(_FIRST)}{draw.choice(['_', '', '.'])}{draw.choice(_LAST)}".lower()
    name += draw.choice(["", _digits(draw, 2)])
    if chinese:
        return name.replace(".", "_")[:18] + "_1", [
            ("微信号：", "，"),
            ("加微信", "。"),
            ("@", " "),
            ("我的微信是", "，"),
        ]
    return name, [("@", " "), ("thanks @", "!"), ("Instagram: ", "\n"), ("skype: ", "\n"), ("by @", ",")]


def _birthdate(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    year, month, day = draw.randint(1945, 2008), draw.randint(1, 12), draw.randint(1, 28)
    if chinese:
        return f"{year}年{month}月{day}日", [("出生日期：", "，"), ("生日是", "，"), ("我生于", "。"), ("", "出生")]
    name = _MONTHS[month - 1]
    forms = [
        f"{day} {name} {year}",
        f"{name} {day}, {year}",
        f"{month:02}/{day:02}/{year}",
        f"{year}-{month:02}-{day:02}",
    ]
    return draw.choice(forms), [
        ("I was born on ", "."),
        ("DOB: ", ","),
        ("my birthday is ", "."),
        ("date of birth ", ""),
    ]


def _plate(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    if chinese:
        province = draw.choice("京沪粤浙苏川鄂")
        return (
            f"{province}{draw.choice('ABCDE')}{draw.choice(['', '·'])}{_letters(draw, 5, 'ABCDEFGHJK0123456789')}",
            [
                ("车牌", ""),
                ("", "，"),
                ("开", "，"),
            ],
        )
    capitals = string.ascii_uppercase
    if draw.random() < 0.5:
        return f"{_letters(draw, 2, capitals)}{_digits(draw, 2)} {_letters(draw, 3, capitals)}", [
            ("", ""),
            ("reg ", "."),
        ]
    return f"{_digits(draw, 1)}{_letters(draw, 3, capitals)}{_digits(draw, 3)}", [
        ("license plate ", "."),
        ("plate number ", ","),
    ]


def _name(draw: random.Random, chinese: bool) -> tuple[str, Carriers]:
    if chinese:
        name = draw.choice(_SURNAMES) + "".join(draw.choices(_GIVEN, k=draw.randint(1, 2)))
        return name, [("我叫", "，"), ("昨天和", "去吃饭，"), ("联系人：", "，"), ("", "说不错，"), ("", "先生，")]
    return f"{draw.choice(_FIRST)} {draw.choice(_LAST)}", [
        ("my name is ", "."),
        ("I met ", " yesterday."),
        ("my friend ", " says so."),
        ("Dear ", ","),
        ("", " told me."),
    ]


_MAKERS: dict[str, Callable[[random.Random, bool], tuple[str, Carriers]]] = {
    "secret": _secret,
    "email": _email,
    "handle": _handle,
    "link": _link,
    "iban": _iban,
    "card": _card,
    "id": _id,
    "phone": _phone,
    "ip": _ip,
    "address": _address,
    "birthdate": _birthdate,
    "plate": _plate,
    "name": _name,
}


# --- the command ------------------------------------------------------------------------------------------


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.masking", description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", help="files of texts, each another kind of them")
    parser.add_argument("--items", type=int, default=1_000, help="items of each kind [%(default)s]")
    parser.add_argument("--seed", type=int, default=7, help="of the random choices [%(default)s]")
    options = parser.parse_args()
    by_file: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in options.files:
        for document in read_documents([str(file)], mapping={}, intake=Intake()):
            by_file[str(file)].append((document.language, document.text[:_MAX_TEXT_CHARS]))
    # Each kind of texts counts the same, however many there are.
    fewest = min(map(len, by_file.values()))
    draw = random.Random(options.seed)
    texts = [text for of_file in by_file.values() for text in draw.sample(of_file, fewest)]
    print(f"{options.items:,} items of each kind, in {len(texts):,} texts, {fewest:,} of each of {len(by_file)} files")
    for row in measure(texts, options.items, options.seed):
        print(row, flush=True)
    for level in _LEVELS:
        begun = time.process_time()
        _counts(texts, level)
        spent = time.process_time() - begun
        length = sum(len(text) for _, text in texts) / len(texts)
        print(f"{level}: {1e6 * spent / len(texts):.0f} µs of a processor for a text of {length:.0f} characters")


if __name__ == "__main__":
    main()
