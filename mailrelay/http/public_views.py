"""How the public pages look: pure functions from values to HTML, for people who were sent a mail.

They are small, need nothing from outside and no script, and speak the reader's language where it is one of `WORDS`.
Their one style stands in the page, allowed by its digest alone.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

from .markup import Markup, tag

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;display:grid;place-items:center;min-height:100vh;font:18px/1.5 system-ui,sans-serif}"
    "main{max-width:30rem;padding:1.5rem;overflow-wrap:anywhere}"
    "h1{font-size:1.4rem;line-height:1.3;margin:0 0 1rem}"
    "button{font:inherit;padding:.6rem 1.2rem;cursor:pointer}"
    "pre{white-space:pre-wrap;font:inherit;margin:0}"
)
STYLE_SOURCE = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"

#: What the pages say, by language.
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unsubscribe": "Unsubscribe",
        "unsubscribe_ask": "No more mail from this sender will be sent to",
        "unsubscribed": "You are unsubscribed",
        "unsubscribed_tell": "This sender will send no more mail to",
        "later": "Please try again",
        "later_tell": "This did not work just now. Please try again in a few minutes.",
        "wrong_form": "This request cannot be understood",
        "wrong_form_tell": "Open the link of your mail again and use the button there.",
        "gone": "This message is no longer available",
        "gone_tell": "Messages can be read here for {days} days after they were sent.",
        "unknown": "This link is not valid",
        "unknown_tell": "It may have been copied in part. Open it from your mail again.",
        "message": "Your message",
        "confirmed": "The address is confirmed",
        "confirmed_tell": "Mail can be sent from it now:",
        "unconfirmed": "This link has expired",
        "unconfirmed_tell": "Ask for the address again; a link can be used for {days} days.",
        "confirm": "Confirm",
        "confirm_ask": "Somebody, hopefully you, wants to send mail from",
    },
    "ru": {
        "unsubscribe": "Отписаться",
        "unsubscribe_ask": "Письма этого отправителя больше не будут приходить на адрес",
        "unsubscribed": "Вы отписаны",
        "unsubscribed_tell": "Этот отправитель больше не будет писать на адрес",
        "later": "Попробуйте ещё раз",
        "later_tell": "Сейчас не получилось. Попробуйте ещё раз через несколько минут.",
        "wrong_form": "Непонятный запрос",
        "wrong_form_tell": "Откройте ссылку из письма ещё раз и нажмите кнопку на странице.",
        "gone": "Это письмо больше не доступно",
        "gone_tell": "Письма можно читать здесь в течение {days} дней после отправки.",
        "unknown": "Ссылка недействительна",
        "unknown_tell": "Возможно, она скопирована не полностью. Откройте её из письма ещё раз.",
        "message": "Ваше письмо",
        "confirmed": "Адрес подтверждён",
        "confirmed_tell": "Теперь с него можно отправлять письма:",
        "unconfirmed": "Срок действия ссылки истёк",
        "unconfirmed_tell": "Запросите адрес ещё раз; ссылка действует в течение {days} дней.",
        "confirm": "Подтвердить",
        "confirm_ask": "Кто-то, надеемся, вы, хочет отправлять письма с адреса",
    },
}
FALLBACK = "en"


def language(accepted: str) -> str:
    """The first of `WORDS` among languages as a browser lists them (RFC 9110 12.5.4), in its order."""
    ranked: list[tuple[float, int, str]] = []
    for place, entry in enumerate(accepted[:200].split(",")):
        name, _, weight = entry.partition(";")
        try:
            worth = float(weight.partition("=")[2]) if weight else 1.0
        except ValueError:
            worth = 0.0
        ranked.append((-worth, place, name.strip().lower().partition("-")[0]))
    return next((name for worth, _, name in sorted(ranked) if worth < 0 and name in WORDS), FALLBACK)


def page(lang: str, title: str, *body: str) -> bytes:
    """A whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex, nofollow"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(_STYLE)),
    )
    document = tag("html", head, tag("body", tag("main", tag("h1", title), *body)), lang=lang)
    return f"<!doctype html>\n{document}\n".encode("utf-8", "replace")


def notice(lang: str, key: str, **fields: object) -> bytes:
    """A page that says one thing: the texts `key` and `key`_tell."""
    words = WORDS[lang]
    return page(lang, words[key], tag("p", words[f"{key}_tell"].format(**fields)))


def told(lang: str, key: str, address: str) -> bytes:
    """A page that says one thing of an address."""
    words = WORDS[lang]
    return page(lang, words[key], tag("p", words[f"{key}_tell"], " ", tag("strong", tag("bdi", address)), "."))


def asking(lang: str, key: str, address: str, field: str, value: str) -> bytes:
    """A page that does nothing until its one button is pressed: it then posts `field`=`value` to its own address."""
    words = WORDS[lang]
    return page(
        lang,
        words[key],
        tag("p", words[f"{key}_ask"], " ", tag("strong", tag("bdi", address)), "."),
        tag(
            "form",
            tag("input", type="hidden", name=field, value=value),
            tag("button", words[key]),
            method="post",
        ),
    )


def plain_message(lang: str, text: str) -> bytes:
    """A message without HTML."""
    return page(lang, WORDS[lang]["message"], tag("pre", text))
