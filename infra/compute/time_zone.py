"""Time zones that Azure ML's schedules know: Windows' names, not those of the tz database. Pure.

Source: Microsoft Learn, "CLI (v2) schedule YAML schema", appendix; the same list is ``azure.ai.ml``'s ``TimeZone``.
"""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import AfterValidator

NAMES = frozenset(
    f"{name} Standard Time"
    for name in (
        "Dateline",
        "Aleutian",
        "Hawaiian",
        "Marquesas",
        "Alaskan",
        "Pacific",
        "US Mountain",
        "Mountain",
        "Central America",
        "Central",
        "Easter Island",
        "Canada Central",
        "SA Pacific",
        "Eastern",
        "Haiti",
        "Cuba",
        "US Eastern",
        "Paraguay",
        "Atlantic",
        "Venezuela",
        "Central Brazilian",
        "SA Western",
        "Pacific SA",
        "Turks And Caicos",
        "Newfoundland",
        "Tocantins",
        "E. South America",
        "SA Eastern",
        "Argentina",
        "Greenland",
        "Montevideo",
        "Saint Pierre",
        "Bahia",
        "Mid-Atlantic",
        "Azores",
        "Cape Verde",
        "Morocco",
        "GMT",
        "Greenwich",
        "W. Europe",
        "Central Europe",
        "Romance",
        "Central European",
        "W. Central Africa",
        "Namibia",
        "Jordan",
        "GTB",
        "Middle East",
        "Egypt",
        "E. Europe",
        "Syria",
        "West Bank",
        "South Africa",
        "FLE",
        "Turkey",
        "Israel",
        "Kaliningrad",
        "Libya",
        "Arabic",
        "Arab",
        "Belarus",
        "Russian",
        "E. Africa",
        "Iran",
        "Arabian",
        "Astrakhan",
        "Azerbaijan",
        "Mauritius",
        "Georgian",
        "Caucasus",
        "Afghanistan",
        "West Asia",
        "Ekaterinburg",
        "Pakistan",
        "India",
        "Sri Lanka",
        "Nepal",
        "Central Asia",
        "Bangladesh",
        "N. Central Asia",
        "Myanmar",
        "SE Asia",
        "Altai",
        "W. Mongolia",
        "North Asia",
        "Tomsk",
        "China",
        "North Asia East",
        "Singapore",
        "W. Australia",
        "Taipei",
        "Ulaanbaatar",
        "North Korea",
        "Aus Central W.",
        "Transbaikal",
        "Tokyo",
        "Korea",
        "Yakutsk",
        "Cen. Australia",
        "AUS Central",
        "E. Australia",
        "AUS Eastern",
        "West Pacific",
        "Tasmania",
        "Vladivostok",
        "Lord Howe",
        "Bougainville",
        "Magadan",
        "Norfolk",
        "Sakhalin",
        "Central Pacific",
        "New Zealand",
        "Fiji",
        "Kamchatka",
        "Chatham Islands",
        "Tonga",
        "Samoa",
        "Line Islands",
    )
) | {
    "UTC-11",
    "UTC-09",
    "Pacific Standard Time (Mexico)",
    "UTC-08",
    "Mountain Standard Time (Mexico)",
    "Central Standard Time (Mexico)",
    "Eastern Standard Time (Mexico)",
    "UTC-02",
    "UTC",
    "Russia Time Zone 3",
    "Russia Time Zone 10",
    "Russia Time Zone 11",
    "UTC+12",
}
_BY_LOWER = {name.lower(): name for name in NAMES}


def _known(text: str) -> str:
    name = _BY_LOWER.get(text.lower())
    if name is not None:
        return name
    # "Europe/Berlin" has nothing near here; what is nearly right has.
    near = difflib.get_close_matches(text, NAMES, n=1, cutoff=0.6)
    write = f"did you mean {near[0]}?" if near else "write a name such as W. Europe Standard Time"
    raise ValueError(
        f"{text!r} is no time zone of Azure's, so the schedule would be refused (they are Windows' names, not "
        f"Europe/Berlin); {write}"
    )


#: A time zone as Azure spells it.
TimeZone = Annotated[str, AfterValidator(_known)]
