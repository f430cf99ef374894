"""The vocabulary of the simulated world: invented names, titles and tags in a dozen languages."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")

ADJECTIVES = _WORD.findall("""
    amber ancient arctic bold brave brisk bronze calm cobalt cosmic crimson crystal dapper daring distant drowsy dusty
    eager electric emerald fabled feral foggy frosty gentle gilded golden hidden hollow humble icy indigo ivory jolly
    keen lazy lucid lunar mellow mighty misty nimble noble oaken pale patient plucky polar quiet rapid restless rusty
    scarlet shady silent silver sleepy solar spiral steady stormy sunny swift tidal timid umber vivid wandering wild
    witty
""")
NOUNS = _WORD.findall("""
    acorn anchor badger beacon biscuit bison cactus canyon castle cinder comet compass condor copper coyote ember
    falcon fern ferret fox galaxy gecko glacier goblin harbor hawk heron island jackal juniper kestrel kettle lantern
    lemur lichen lynx magpie mango maple marmot meadow meteor mole moss nebula newt nomad orbit otter owl panda parrot
    pebble pepper pigeon pixel planet puffin quartz rabbit raven reef river rocket saddle sparrow spruce summit teapot
    tiger tundra turnip valley walrus willow wizard wombat yak zephyr
""")
GAME_FORMS = (
    "{a} {n}",
    "{n} Tactics",
    "Legends of the {a} {n}",
    "{n} & {n2}",
    "{a} {n}: Origins",
    "{n} Simulator",
    "{n} II",
    "Café {n}",
    "The {n}'s Tale",
    "{a} Racing League",
    "Super {n} Party",
    "{n}Craft",
)
BROAD_CATEGORIES = ("Casual Talk", "Music Room", "Watch Together", "Art Studio", "Outdoors & Travel", "Kitchen Live")

# the same few greetings by language; a title is a phrase, then sometimes the category, then sometimes a tail
PHRASES = {
    "en": ("chill evening run", "road to the top", "first playthrough, no spoilers", "ranked grind with viewers"),
    "es": ("jugando con ustedes", "¡a por la victoria!", "tarde tranquila", "camino al oro"),
    "pt": ("jogando com a galera", "rumo ao topo", "manhã de treino", "última tentativa"),
    "de": ("gemütlicher Abend", "heute wird geübt", "neue Staffel", "Rückkehr der Könige"),
    "fr": ("soirée détente", "on débute ensemble", "objectif réussite", "café et bonne humeur"),
    "ru": ("спокойный вечер", "путь наверх", "играем вместе", "первый раз"),
    "ja": ("まったり雑談", "初見プレイ", "参加型", "ランク上げ"),
    "ko": ("편안한 저녁 방송", "첫 플레이", "같이 해요", "랭크 올리기"),
    "zh": ("轻松聊天", "第一次玩", "一起来玩", "冲分之路"),
    "it": ("serata tranquilla", "si gioca insieme", "verso la vetta", "prima volta"),
    "pl": ("spokojny wieczór", "gramy razem", "droga na szczyt", "pierwszy raz"),
    "tr": ("sakin akşam", "birlikte oynuyoruz", "zirveye yolculuk", "ilk deneme"),
}
TAILS = (
    "!commands",
    "| day {n}",
    "🔥",
    '"one more try"',
    "🎮✨",
    "\\o/",
    "- part {n}",
    "100% {n}/365",
    "(・ω・)",
    "👨‍👩‍👧 co-op",
)
TAGS = (
    "Relaxed",
    "NoSpoilers",
    "Beginner",
    "Speedrun",
    "Coop",
    "Retro",
    "Competitive",
    "Friendly",
    "Vtuber",
    "日常",
    "Ñandú",
)
LANGUAGE_TAGS = {
    "en": "English", "es": "Español", "pt": "Português", "de": "Deutsch", "fr": "Français", "ru": "Русский",
    "ja": "日本語", "ko": "한국어", "zh": "中文", "it": "Italiano", "pl": "Polski", "tr": "Türkçe",
}  # fmt: skip
NATIVE_NAMES = {
    "ja": ("そらねこ", "月見草", "カワウソ"),
    "ko": ("달빛여우", "초록고래", "밤하늘"),
    "zh": ("小海豚", "竹林風", "星河"),
    "ru": ("ТихийЛис", "Зимородок", "Комета"),
    "es": ("Búho", "Ñandú", "Colibrí"),
    "fr": ("Écureuil", "Hérisson", "Forêt"),
    "pt": ("Lontra", "Coração", "Açaí"),
    "de": ("Löwenzahn", "Kätzchen", "Bär"),
}


def pick(words: tuple[str, ...] | list[str], luck: float) -> str:
    """Return the word that a uniform number in [0, 1) points at."""
    return words[int(luck * len(words))]


def login(luck: tuple[float, ...]) -> str:
    """Return a lower-case ASCII account name of at most 20 characters."""
    glue = "_" if luck[2] < 0.15 else ""
    digits = str(int(luck[3] * 1000)) if luck[4] < 0.6 else ""
    return f"{pick(ADJECTIVES, luck[0])[:8]}{glue}{pick(NOUNS, luck[1])[:8]}{digits}"


def display_name(account: str, language: str, luck: float, form: float) -> str:
    """Return a display name: the account with capitals, or for some a name in their own script."""
    native = NATIVE_NAMES.get(language)
    if native and luck < 0.4:
        return pick(native, form) + str(int(form * 997))
    return account.title() if luck < 0.8 else account


def game_name(luck: tuple[float, ...]) -> str:
    """Return an invented title of a game."""
    a, n, n2 = (pick(ADJECTIVES, luck[0]), pick(NOUNS, luck[1]), pick(NOUNS, luck[2]))
    return pick(GAME_FORMS, luck[3]).format(a=a.title(), n=n.title(), n2=n2.title())


def title(language: str, category: str, luck: tuple[float, ...]) -> str:
    """Return a stream's title of at most 140 characters; "" for one in a hundred, with a line break for a few."""
    if luck[0] < 0.01:
        return ""
    text = pick(PHRASES.get(language, PHRASES["en"]), luck[1])
    if luck[2] < 0.5 and category:
        text = f"{category}: {text}"
    if luck[3] < 0.6:
        text = f"{text} {pick(TAILS, luck[4]).format(n=int(luck[5] * 364) + 1)}"
    if luck[6] < 0.003:
        text = text.replace(" ", "\n", 1)
    return text[:140]


def tags(language: str, luck: tuple[float, ...]) -> list[str] | None:
    """Return up to four free tags, or None for a few channels."""
    if luck[0] < 0.03:
        return None
    found = [LANGUAGE_TAGS[language]] if language in LANGUAGE_TAGS else []
    # a dict drops a tag drawn twice and keeps the order
    return list(dict.fromkeys(found + [pick(TAGS, chance) for chance in luck[2 : 2 + int(luck[1] * 4)]]))


def slug(luck: tuple[float, ...]) -> str:
    """Return a clip's name of four words run together."""
    words = (pick(ADJECTIVES, luck[0]), pick(ADJECTIVES, luck[1]), pick(NOUNS, luck[2]), pick(NOUNS, luck[3]))
    return "".join(word.title() for word in words)
