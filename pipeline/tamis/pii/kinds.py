"""Kinds of personal data, their numbers and their placeholders."""

# Also the order of precedence: a card number inside an IBAN is part of the IBAN.
EMAIL, IBAN, PHONE, CARD, IP = range(5)

KINDS = {"email": EMAIL, "ip": IP, "iban": IBAN, "card": CARD, "phone": PHONE}
PLACEHOLDERS = {kind: f"<{kind.upper()}>" for kind in KINDS}
