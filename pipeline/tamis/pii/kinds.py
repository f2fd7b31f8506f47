"""Kinds of personal data, their numbers and their placeholders."""

# Also the order of precedence: a card number inside an IBAN is part of the IBAN.
EMAIL, IBAN, NATIONAL_ID, PHONE, CARD, IP = range(6)

KINDS = {
    "email": EMAIL,
    "ip": IP,
    "iban": IBAN,
    "card": CARD,
    "phone": PHONE,
    "national_id": NATIONAL_ID,
}
# What a text that is shown to somebody is masked with: every kind.
EVERY = {kind: f"<{kind.upper()}>" for kind in KINDS}
# Masked unless a recipe says otherwise: an id needs a country to be asked for.
PLACEHOLDERS = {kind: text for kind, text in EVERY.items() if kind != "national_id"}
