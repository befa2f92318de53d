"""What all forms share: looks, errors tied to their fields, and refusals of services."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django import forms

from autodialer.domain.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

CLASSES: Final[dict[type, str]] = {
    forms.CheckboxInput: "form-check-input",
    forms.RadioSelect: "form-selectgroup",
    forms.CheckboxSelectMultiple: "form-selectgroup",
    forms.Select: "form-select",
    forms.SelectMultiple: "form-select",
}


class Form(forms.Form):
    """A form whose inputs look like the rest of the page and are described by their errors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for name, field in self.fields.items():
            kind = CLASSES.get(type(field.widget), "form-control")
            field.widget.attrs["class"] = kind
            if self.is_bound and name in self.errors:
                field.widget.attrs["class"] += " is-invalid"
                described = self[name].auto_id
                field.widget.attrs["aria-describedby"] = f"{described}_helptext {described}_error"

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what a service refuses into an error of the form; check `is_valid()` after it."""
        try:
            yield
        except InvalidInputError as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
        except ConflictError as error:
            self.add_error(None, str(error))


class DateTimeInput(forms.DateTimeInput):
    """The browser's own picker; minutes, by the clock of the account."""

    input_type = "datetime-local"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M", **kwargs)


class TimeInput(forms.TimeInput):
    """The browser's own picker of a time of day."""

    input_type = "time"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", **kwargs)
