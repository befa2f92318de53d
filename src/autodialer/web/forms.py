"""What all forms share: looks, errors tied to their fields, and refusals of services."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS

from autodialer.apps.versions import ChangedMeanwhileError, version_of
from autodialer.domain.errors import ConflictError, InvalidInputError, ManyInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEEN: Final = "seen"  # in _form_errors.html, which stands on top of each form
CLASSES: Final[Mapping[type[forms.Widget], str]] = {
    forms.CheckboxInput: "form-check-input",
    forms.CheckboxSelectMultiple: "form-check-input",
    forms.RadioSelect: "form-check-input",
    forms.Select: "form-select",
    forms.SelectMultiple: "form-select",
}


@cache
def zone_choices() -> tuple[tuple[str, str], ...]:
    """Return all time zones that there are: their names are read from hundreds of files, once."""
    return tuple((zone, zone) for zone in sorted(available_timezones()))


class StyledField(forms.BoundField):
    """An input in the looks of the page. Django itself ties help and errors to it."""

    def build_widget_attrs(
        self, attrs: dict[str, Any], widget: forms.Widget | None = None
    ) -> dict[str, Any]:
        """Add the class of the input's kind, and of an error."""
        built = super().build_widget_attrs(attrs, widget)
        kind = CLASSES.get(type(widget or self.field.widget), "form-control")
        built.setdefault("class", f"{kind} is-invalid" if self.errors else kind)
        return built


class Form(forms.Form):
    """A form in the looks of the page that also shows what services refuse."""

    bound_field_class = StyledField
    # Fields of services that have another name on the page.
    named: ClassVar[Mapping[str, str]] = {}
    # The field whose value is taken when a service says that there is a conflict.
    in_conflict: ClassVar[str | None] = None

    def __init__(
        self, *args: Any, facts: Mapping[str, object] | None = None, **kwargs: Any
    ) -> None:
        """`facts` are those of the thing that is edited: changed meanwhile, it is not saved."""
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.version = None if facts is None else version_of(facts)

    @property
    def seen(self) -> str | None:
        """Return the version on which the form was filled in; None when it has none."""
        return None if self.version is None else self.data.get(SEEN)

    @property
    def status(self) -> int:
        """Return the HTTP status of the page that shows the form."""
        if self.has_error(NON_FIELD_ERRORS, ChangedMeanwhileError.code):
            return HTTPStatus.CONFLICT
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors else HTTPStatus.OK

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what a service refuses into an error of the form; check `is_valid()` after it."""
        try:
            yield
        except InvalidInputError as error:
            for one in error.errors if isinstance(error, ManyInvalidError) else (error,):
                field = self.named.get(one.field, one.field)
                self.add_error(field if field in self.fields else None, str(one))
        except ChangedMeanwhileError as error:
            self.add_error(None, forms.ValidationError(str(error), error.code))
        except ConflictError as error:
            self.add_error(self.in_conflict, str(error))


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
