"""The vocabulary of the simulated football: leagues, clubs and players, all invented and the same for any seed."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pipelines.sandbox.world import draws

KNOCK_OUT, TABLE = 224, 223  # type_id of a stage
NAMES_SEED = 0  # names and calendars do not depend on the world's seed
CLUB_IDS = 100  # ids set aside for a league's clubs: league id times this, plus a number
PLACEHOLDER_IDS = 990_000

GOALKEEPER, DEFENDER, MIDFIELDER, FORWARD = 24, 25, 26, 27
SQUAD = (GOALKEEPER,) * 3 + (DEFENDER,) * 8 + (MIDFIELDER,) * 8 + (FORWARD,) * 5


class League(NamedTuple):
    """A competition. `index` is its place in LEAGUES, `size` how many clubs are its own (0: it invites)."""

    index: int
    id: int
    name: str
    short_code: str
    country: int
    size: int
    stage_type: int


LEAGUES = tuple(
    League(index, *facts)
    for index, facts in enumerate(
        (
            (9001, "Norvale Premier Division", "NOR PD", 11, 20, TABLE),
            (9002, "Norvale Second Division", "NOR SD", 11, 18, TABLE),
            (9003, "Liga Serrana", "SER LS", 12, 18, TABLE),
            (9004, "Lega delle Città", "ITR LC", 13, 16, TABLE),
            (9005, "Østerligaen", "OST OL", 14, 14, TABLE),
            (9006, "Liga Morawska", "MOR LM", 15, 12, TABLE),
            (9007, "Norvale Shield", "NOR SH", 11, 0, KNOCK_OUT),
            (9010, "Harbour Invitation Cup", "HIC", 11, 0, KNOCK_OUT),
        )
    )
)
LEAGUE_BY_ID = {league.id: league for league in LEAGUES}
CUP, INVITATION = LEAGUE_BY_ID[9007], LEAGUE_BY_ID[9010]

FOREVER = 9999
# rule by league: (first start year, last start year, rule)
LEAGUE_RULES: dict[int, tuple[tuple[int, int, str], ...]] = {
    9001: ((0, FOREVER, "goal_difference"),),
    9002: ((0, 2025, "goals_for"), (2026, FOREVER, "goal_difference")),
    9003: ((0, FOREVER, "head_to_head"),),
    9004: ((0, FOREVER, "head_to_head"),),
    9005: ((0, 2024, "goal_difference"), (2025, 2025, "points_per_game"), (2026, FOREVER, "goal_difference")),
    9006: ((0, FOREVER, "goals_for"),),
}
CUT_SHORT = (9005, 2025)  # league and start year of the season that was not played to its end

NAMES = {
    9001: (
        "Ashcombe Rovers", "Brackley Moor", "Caldermouth United", "Dunwick City", "Eastholm Athletic", "Farrowgate",
        "Glenmarch Town", "Harrowby Albion", "Inverloch Thistle", "Kestrel Park", "Larkfield Wanderers",
        "Merrowdale", "Northquay Rangers", "Oakhaven County", "Penhallow Argyle", "Queensferry Vale",
        "Ravensbourne", "Stonebridge Orient", "Tynemoor United", "Whitmarsh Forest",
    ),
    9002: (
        "Aldermoor", "Bexcombe Town", "Crossmere Harriers", "Dovestone City", "Elmsgate Alexandra", "Fenwold United",
        "Greycliff Swifts", "Hollinbrook", "Ironbridge Vale", "Kirkfell Rovers", "Llanferion Môr", "Millrace Stanley",
        "Netherby", "Orchard End", "Pwllgarth Dŵr", "Saltmarsh Mariners", "Thornaby Heath", "Wexbury Albion",
    ),
    9003: (
        "Atletico de la Brisa", "Deportivo Peñalara", "Real Alcoraz del Río", "Unión Montesol", "Racing de Ribanegra",
        "Sporting Guadarroyo", "CD Almenar", "UD Costa Lucía", "Cultural Torreblanca", "Club Náutico Salvaleón",
        "Rayo de Valdeñuño", "SD Íscar de la Sierra", "Gimnástica Olivares", "CF Puerto Añil", "Celta de Miravalle",
        "Hércules de Cañaverde", "AD Campoalto", "Villaluz CF",
    ),
    9004: (
        "Società Montefiore", "US Rivalta", "AC Castelvento", "Virtus Cittànova", "Pro Valdoro", "Calcio Serraforte",
        "AS Portogrigio", "Fortitudo Altamura Vecchia", "SS Lagoscuro", "Unione Pontelungo", "Audace Colleverde",
        "Juventina Sant'Elmo", "Robur Fossalta", "FC Torrechiara", "Libertà Marenove", "Ginnastica Bellariva",
    ),
    9005: (
        "Østervang BK", "Åkirkevig IF", "Nordhavn Boldklub", "Fjordby FF", "Sølvborg", "Hvidsand IK", "Lillesø BK",
        "Strandmølle IF", "Bjørnsholm", "Ravnkjær FC", "Kongshøj BK", "Tårnby Ås", "Vesterø IF", "Ærøstad",
    ),
    9006: (
        "Górnik Żelazna", "Iskra Łąkowa", "Sokół Brzezno", "Wisłoka Dębowiec", "Polonia Krzywica", "Śląsk Nowogóra",
        "Slavoj Říčkov", "Sparta Těšnov", "Baník Červená", "Odra Świerkowo", "Zenit Olšany", "Czarni Jeżów",
    ),
}  # fmt: skip
# a club that carried another id and spelling in the seasons up to 2025: (old id, id, old name)
RENAMED = ((900371, 900301, "Atlético Brisa"), (900471, 900405, "Pro Valdòro 1911"))
RENAMED_UNTIL = 2025
ALIASES = {old: new for old, new, _ in RENAMED}
_FORMER = {new: old for old, new, _ in RENAMED}

CITIES = {11: "Norvale", 12: "Serrana", 13: "Tirrena", 14: "Østerland", 15: "Morawa"}


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


FIRST_NAMES = {
    11: words("Alwin Bram Corey Dale Edric Fenn Gareth Hollis Idris Jory Kell Lorne Mace Nye Owain Perran"),
    12: words("Aníbal Bruno Ciro Dámaso Elías Fermín Gael Héctor Íñigo Jacinto Lázaro Martín Nuño Óscar Rubén Tomás"),
    13: words("Aldo Brando Cosimo Dario Elio Fabio Gino Ivo Lapo Milo Nico Orso Pietro Remo Sandro Tullio"),
    14: words("Aksel Bo Dag Eskil Frode Gøran Halvor Iver Jørn Kåre Leif Mads Nils Odd Søren Åge"),
    15: words("Bartek Czesław Dawid Eryk Filip Grześ Igor Józef Kuba Łukasz Miloš Nikodem Ondřej Radek Šimon Zbyszek"),
}
SURNAMES = {
    11: (words("Ash Bar Cul Den Eld Fair Gar Hex Ker Lan Mor Pen"),
         words("combe den ford gate holt leigh mead wick")),
    12: (words("Alba Bene Cara Dela Esca Fuen Gala Mon Oli Peña Riba Sala"),
         words("brera dilla foncé guero llón nares rroyo zábal")),
    13: (words("Ami Bel Cor Del Fio Gra Lam Mon Pal Ros San Val"),
         words("berini chetti dossi fanelli gatti lucchi retta zzò")),
    14: (words("As Bjer Dal El Fug Grøn Hav Kjel Lund Møl Nor Sø"),
         words("berg dahl gaard holm kvist rup sen strøm")),
    15: (words("Bro Chmi Dąb Gło Jasz Kró Le Mał No Pie Svo Źró"),
         words("bicki czyk dowski lak nek šák wicz żyński")),
}  # fmt: skip


class Team(NamedTuple):
    """A club under one of its ids; `club` is the id that it has now. A placeholder stands for a team to come."""

    id: int
    club: int
    name: str
    short_code: str
    country: int
    venue: int
    founded: int
    placeholder: bool = False


class Player(NamedTuple):
    """A member of a squad."""

    id: int
    name: str
    position: int
    number: int


class Squad(NamedTuple):
    """A club's players of one season and the line-ups (eleven, bench) that it uses."""

    players: tuple[Player, ...]
    lineups: tuple[tuple[tuple[Player, ...], tuple[Player, ...]], ...]


def _team(team: int, club: int, name: str, country: int) -> Team:
    letters = [letter for letter in name.upper() if letter.isalpha()]
    code = letters[0] + letters[len(letters) // 2] + letters[-1]
    return Team(team, club, name, code, country, club * 10 + 7, 1880 + club * 37 % 80)


def _teams() -> dict[int, Team]:
    teams = {}
    for league, names in NAMES.items():
        country = LEAGUE_BY_ID[league].country
        for number, name in enumerate(names, 1):
            club = league * CLUB_IDS + number
            teams[club] = _team(club, club, name, country)
    for old, club, name in RENAMED:
        teams[old] = _team(old, club, name, teams[club].country)
    for number in range(1, 37):  # as many matches as a cup has before its final
        name = f"Winner Match {number}"
        teams[PLACEHOLDER_IDS + number] = Team(
            PLACEHOLDER_IDS + number, PLACEHOLDER_IDS + number, name, f"W{number}", 11, 0, 0, True
        )
    return dict(sorted(teams.items()))


TEAMS = _teams()
CLUBS = tuple(team.id for team in TEAMS.values() if team.id == team.club and not team.placeholder)


def team_in(club: int, year: int) -> int:
    """Return the id that a club carries in the seasons that start in a year."""
    return _FORMER.get(club, club) if year <= RENAMED_UNTIL else club


def clubs_of(league: League) -> tuple[int, ...]:
    """Return the ids of the clubs that may play in a league or cup."""
    if league.size:
        return tuple(league.id * CLUB_IDS + number for number in range(1, league.size + 1))
    if league == CUP:
        return tuple(club for club in CLUBS if TEAMS[club].country == CUP.country)
    return CLUBS


@lru_cache(maxsize=20_000)
def player(club: int, slot: int, year: int) -> Player:
    """Return who has a place in a club's squad in a year; a place changes hands every three to six years."""
    tenure = 3 + (slot + club) % 4
    generation = (year - 1900 + slot * 7 + club % CLUB_IDS) // tenure
    number = 10_000_000 + (club - 900_000) * 100_000 + slot * 1000 + generation
    country = TEAMS[club].country if (slot + generation) % 5 else 11 + (club + slot + generation) % 5
    luck = draws(NAMES_SEED, "player", number)
    given, (front, back) = FIRST_NAMES[country], SURNAMES[country]
    surname = front[int(luck[1] * len(front))] + back[int(luck[2] * len(back))]
    return Player(number, f"{given[int(luck[0] * len(given))]} {surname}", SQUAD[slot], slot + 1)


@lru_cache(maxsize=5000)
def squad(club: int, year: int) -> Squad:
    """Return a club's squad; five line-ups, all 4-4-2 (goalkeeper first, forwards last), bench of seven."""
    players = tuple(player(club, slot, year) for slot in range(len(SQUAD)))
    keepers, defenders, midfielders, forwards = players[:3], players[3:11], players[11:19], players[19:]
    lineups = []
    for turn in range(5):
        k, d, m, f = (
            group[turn:] + group[:turn] if turn < len(group) else group
            for group in (keepers[: 2 if turn % 2 else 3], defenders, midfielders, forwards)
        )
        lineups.append(((k[0], *d[:4], *m[:4], *f[:2]), (k[1], *d[4:6], *m[4:6], *f[2:4])))
    return Squad(players, tuple(lineups))
