"""Column names people use, in several languages, by the part they play."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT_STRONG = _words(
    """text texts texte texto testo tekst sentence sentences satz phrase frase zin review reviews review_text
    comment kommentar commentaire comentario commento content inhalt message nachricht mensaje messaggio
    tweet utterance utterances utt bewertungstext rezension recensione recensie resena avis document dokument
    body sms feedback"""
)
TEXT_WEAK = _words(
    """title titel titre titulo titolo headline uberschrift ueberschrift description beschreibung
    descripcion descrizione abstract summary question frage query anfrage clause passage
    paragraph paragraphs facts absatz absender_text input
    post article artikel email mail subject betreff product_title product_name note_text transcript
    words tokens v2"""
)
LABEL_STRONG = _words(
    """label labels class klasse classe clase category categories kategorie kategorien categorie categoria
    sentiment stimmung intent absicht target ziel etikett etiqueta etichetta etiquette emotion emotions
    gold gold_label annotation annotations"""
)
LABEL_WEAK = _words(
    """rating ratings star_rating review_rating reviews_rating overall stars sterne anzahl_sterne
    score scores note bewertung polarity type typ kind art topic topics thema
    themen tag tags genre y answer_class spam is_spam toxic toxicity similarity department abteilung
    priority prioritat prioritaet urgency dringlichkeit output v1"""
)
NUMBERS = _words(
    """score scores rating similarity price preis value wert amount betrag note number zahl percent prozent
    relevance polarity intensity strength toxicity y target"""
)
ID = _words("""id ids idx index uid uuid guid nr no row row_id rowid nummer key unnamed_0 identifier""")
GROUP = _words(
    """group groups gruppe groupe grupo gruppo cluster clusters cluster_id author autor auteur autore user
    user_id username benutzer nutzer customer customer_id kunde kunden_id speaker sprecher product
    product_id produkt produkt_id asin document_id doc_id doc dokument_id document_name contract vertrag
    case case_id fall akte thread thread_id conversation conversation_id dialogue dialogue_id video
    video_id movie movie_id patient patient_id article_id book url source_id company session session_id
    reviewer reviewer_id"""
)
GROUP_NUMBERS = _words("document dokument")
"""Names of groups where the column holds numbers, as in tables from CoNLL files; otherwise of texts."""
TIME = _words(
    """time date datum zeit datetime timestamp zeitstempel created created_at createdat published published_at
    updated_at year jahr month monat day tag_datum fecha data_ora heure fecha_hora posted posted_at
    review_date"""
)
META = _words(
    """source quelle split set fold file filename file_name path url link language lang sprache locale country
    land weight gewicht confidence annotator worker platform"""
)
ABOUT_LABELS = _words("""confidence weight gewicht annotator url link file filename source quelle""")
"""Last words of names that say something about a label, as in `sentiment_confidence`."""
OF_ONE_TEXT = _words("""type typ kind art topic topics thema themen tag tags genre department abteilung""")
"""Weak names of labels that are seldom those of a pair of texts."""
BODIES = _words("body text content inhalt")
HEADINGS = _words(
    """title titles titel titre titulo titolo headline heading summary subject betreff uberschrift
    ueberschrift"""
)
"""Last words of the names of a text, and of what stands above it."""
SPLIT = _words("split splits set subset partition part fold")
PAIRS = (
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "answer"),
    ("frage", "antwort"),
    ("query", "document"),
    ("query", "passage"),
    ("text", "text_pair"),
    ("sentence", "sentence_pair"),
    ("anchor", "positive"),
    ("source_text", "target_text"),
)
PROMPTS = _words("question frage prompt")
"""First halves of pairs that may be the same for all, so that the second alone is the text."""


def plain(name: str) -> str:
    """Return a name in the form the lists above use: folded case, no accents, `_` between words.

    >>> plain("Kategorie-Name "), plain("Catégorie"), plain("reviewText")
    ('kategorie_name', 'categorie', 'review_text')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    folded = unicodedata.normalize("NFKD", spaced.casefold().replace("ß", "ss"))
    letters = "".join(c for c in folded if not unicodedata.combining(c))
    return re.sub(r"[^\w]+|_+", "_", letters).strip("_")


def rank(name: str, strong: frozenset[str], weak: frozenset[str] = frozenset()) -> int:
    """Return 3 for a name in `strong`, 2 in `weak` or with a word of `strong` in it, else 0."""
    key = plain(name)
    if key in strong:
        return 3
    if key in weak or any(part in strong for part in key.split("_")):
        return 2
    return 0


def body(names: Iterable[str]) -> str | None:
    """Return the one name of a body, if all the others are headings.

    >>> body(["review_title", "review_body"]), body(["title", "abstract"])
    ('review_body', None)
    """
    others = [name for name in names if plain(name).rpartition("_")[2] not in HEADINGS]
    return others[0] if len(others) == 1 and plain(others[0]).rpartition("_")[2] in BODIES else None


def other_half(name: str) -> tuple[str, ...]:
    """Return the plain names that would make a pair with this one as its first half.

    >>> other_half("sentence1"), other_half("text_a"), other_half("premise")
    (('sentence2',), ('text_b',), ('hypothesis',))
    """
    key = plain(name)
    if match := re.fullmatch(r"(.*[^\d])1", key):
        return (f"{match[1]}2",)
    if key.startswith("1_"):
        return (f"2_{key[2:]}",)
    if key.endswith("_a"):
        return (f"{key[:-2]}_b",)
    return tuple(second for first, second in PAIRS if first == key)
