"""The booking form: name, one way to be reached or none, places, for whom and with whom, what is needed there."""

from __future__ import annotations

import re
from typing import Any

from wtforms import BooleanField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs are of 3.2
from wtforms.validators import StopValidation

from ateliers.bookings import MOST_SEATS
from ateliers.web.forms import (
    Form,
    clean,
    email_address,
    phone_number,
)

CONTACTS = ("email", "phone", "none")
_LINK = re.compile(r"://|www\.", re.IGNORECASE)  # a name is said in a letter to somebody: no advertisement


class _Number(IntegerField):
    """A number, or None for what is none: the complaint is the form's, in our words."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = clean(valuelist[0]) if valuelist else ""
        self.data = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None


class BookingForm(Form):
    """Name, one way to be reached or none, places; for whom; what is needed there."""

    qui = RadioField(choices=[SelectChoice("moi"), SelectChoice("autre")], default="moi", validate_choice=False)
    nom = StringField()
    beneficiaire = StringField()
    joindre = StringField()  # of who comes: an e-mail or a phone number
    contact = RadioField(choices=[SelectChoice(code) for code in CONTACTS], default="email", validate_choice=False)
    email = StringField()
    tel = StringField()
    places = _Number(default=1)
    autres = StringField()  # names of those who come along
    besoins = TextAreaField()
    accord = BooleanField()

    region = "FR"
    phone = ""
    guest_email = ""
    guest_phone = ""

    @property
    def names_phone(self) -> bool:
        """Whether a telephone number may be in it, which is read by the rules of the venue's `region`."""
        return bool(self.contact.data == "phone" or self.qui.data == "autre")

    def validate_qui(self, field: Any) -> None:
        if field.data not in {"moi", "autre"}:
            raise StopValidation("choice")

    def validate_nom(self, field: Any) -> None:
        _name(field)

    def validate_beneficiaire(self, field: Any) -> None:
        field.data = clean(field.data)
        if self.qui.data == "autre":
            _name(field)
        else:
            field.data = ""

    def validate_joindre(self, field: Any) -> None:
        field.data = clean(field.data)[:256] if self.qui.data == "autre" else ""
        if not field.data:
            return
        try:
            if "@" in field.data:
                self.guest_email = field.data = email_address(field.data)
            elif any(c.isdigit() for c in field.data):
                self.guest_phone = phone_number(field.data[:40], self.region)
            else:
                raise ValueError("email_no_at")
        except ValueError as error:
            raise StopValidation(str(error)) from None

    def validate_contact(self, field: Any) -> None:
        if field.data not in CONTACTS:
            raise StopValidation("choice")

    def validate_email(self, field: Any) -> None:
        field.data = clean(field.data)
        if self.contact.data != "email":
            field.data = ""
            return
        if not field.data:
            raise StopValidation("email_missing")
        if len(field.data) > 254:
            raise StopValidation("email_bad")
        try:
            field.data = email_address(field.data)
        except ValueError as error:
            raise StopValidation(str(error)) from None

    def validate_tel(self, field: Any) -> None:
        field.data = clean(field.data)
        if self.contact.data != "phone":
            field.data = ""
            return
        if not field.data:
            raise StopValidation("phone_missing")
        try:
            self.phone = phone_number(field.data[:40], self.region)
        except ValueError as error:
            raise StopValidation(str(error)) from None

    def validate_places(self, field: Any) -> None:
        if field.data is None or not 1 <= field.data <= MOST_SEATS:
            raise StopValidation("seats")

    def validate_autres(self, field: Any) -> None:
        field.data = clean(field.data) if (self.places.data or 1) > 1 else ""
        if _LINK.search(field.data):
            raise StopValidation("name_link")
        if len(field.data) > 300:
            raise StopValidation("needs_long")

    def validate_besoins(self, field: Any) -> None:
        field.data = clean(field.data)
        if len(field.data) > 300:
            raise StopValidation("needs_long")

    def validate_accord(self, field: Any) -> None:
        if self.besoins.data and not field.data:
            raise StopValidation("needs_consent")


def _name(field: Any) -> None:
    field.data = clean(field.data)
    if len(field.data) < 2 or not any(c.isalpha() for c in field.data):
        raise StopValidation("name_missing")
    if _LINK.search(field.data):
        raise StopValidation("name_link")
    if len(field.data) > 120:
        raise StopValidation("name_long")
