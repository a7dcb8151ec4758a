#!/usr/bin/env python3
"""Writes prefix_table.h: which zones, country and state a number's first digits tell.

    generate_prefixes.py > prefix_table.h        (make prefix-table)

Sources, none of which is copied but as facts: the Python package phonenumbers
(Debian: python3-phonenumbers), which carries libphonenumber's map from prefixes
to time zones, its descriptions of areas and its patterns of numbers; and
tzdata's zone.tab and tzdata.zi, for the zones of a country and the present
names of zones.

What is made safer than the source:

- A prefix of mobile numbers that are not tied to a place has all zones of its
  country, whatever the source says (+61 4, +7 9).
- An area code of North America has all zones of the exchanges in it: numbers
  move between exchanges.
- Old names of zones become present ones.
- Entries that say the same as the shorter prefix around them are left out.
"""

import collections
import random
import re
import sys

import phonenumbers
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

ZONEINFO = "/usr/share/zoneinfo"
# libphonenumber: mobile numbers of these countries carry an area code
GEO_MOBILE = {52, 54, 55, 62, 86}

STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID",
    "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA",
    "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN",
    "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV",
    "New Hampshire": "NH", "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC",
    "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA",
    "Philadelphia": "PA", "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN",
    "Texas": "TX", "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington State": "WA",
    "Washington D.C.": "DC", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
    "Alberta": "AB", "British Columbia": "BC", "Manitoba": "MB", "New Brunswick": "NB",
    "Newfoundland and Labrador": "NL", "Nova Scotia/Prince Edward Island": "NS PE",
    "Northwest Territories/Nunavut/Yukon": "NT NU YT", "Ontario": "ON", "Quebec": "QC", "Saskatchewan": "SK",
}


def read_zoneinfo():
    """Zones of each country, and the present name of each old one."""
    countries = collections.defaultdict(set)
    with open(ZONEINFO + "/zone.tab", encoding="ascii") as table:
        for line in table:
            if not line.startswith("#"):
                country, _, zone = line.split()[:3]
                countries[country].add(zone)
    present = set().union(*countries.values())
    links = {}
    with open(ZONEINFO + "/tzdata.zi", encoding="ascii") as table:
        version = table.readline().split()[-1]
        for line in table:
            if line.startswith("L "):
                _, target, name = line.split()
                links[name] = target
    names = {}
    for name in links:
        target = name
        while target not in present and target in links:
            target = links[target]
        names[name] = name if name in present else target
    return countries, names, version


def parents(prefix):
    """Shorter prefixes, longest first."""
    return (prefix[:n] for n in range(len(prefix) - 1, 0, -1))


def has_mobiles(calling_code, prefix):
    """Do mobile numbers begin so?  Tried with numbers of every length."""
    national = prefix[len(str(calling_code)):]
    rnd = random.Random(prefix)
    for length in range(max(len(national) + 1, 6), 13):
        for _ in range(40):
            digits = national + "".join(rnd.choice("0123456789") for _ in range(length - len(national)))
            number = phonenumbers.PhoneNumber(calling_code, int(digits), italian_leading_zero=digits[0] == "0" or None)
            if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE:
                return True
    return False


def zones_by_prefix(names):
    zones = {p: {names.get(z, z) for z in v} for p, v in TIMEZONE_DATA.items()}

    merged = collections.defaultdict(set)       # area codes of North America
    for prefix, names_of in zones.items():
        merged[prefix[:4] if prefix[0] == "1" else prefix] |= names_of
    zones = dict(merged)

    for calling_code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        root = str(calling_code)
        under = [p for p in zones if p.startswith(root)]
        every = set().union(*(zones[p] for p in under))
        if calling_code == 1 or calling_code in GEO_MOBILE or len(every) < 2:
            continue
        zones[root] = every
        for prefix in under:
            if prefix != root and zones[prefix] < every and has_mobiles(calling_code, prefix):
                home = [r for r in region_entries() if prefix.startswith(r)]
                # of a country that shares its calling code: that country's
                best = max(home, key=len)
                zones[prefix] = every if best == root else zones[prefix] | zones.get(best, set())
    result = {}
    for prefix in sorted(zones, key=lambda p: (len(p), p)):
        above = next((result[q] for q in parents(prefix) if q in result), None)
        if zones[prefix] != above:
            result[prefix] = zones[prefix]
    return result


REGIONS = {}


def region_entries():
    """prefix -> (country, states)"""
    if REGIONS:
        return REGIONS
    for calling_code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        if regions == ("001",):
            continue
        REGIONS[str(calling_code)] = (regions[0], "")
        if calling_code == 1:
            continue
        for region in regions[1:]:
            leading = PhoneMetadata.metadata_for_region(region).leading_digits
            for n in (1, 2, 3, 4, 5) if leading else ():
                for digits in range(10 ** n):
                    digits = "%0*d" % (n, digits)
                    prefix = str(calling_code) + digits
                    if re.match("(?:%s)$" % leading, digits):
                        REGIONS[prefix] = (region, "")
    for area in range(200, 1000):
        prefix = "1%d" % area
        region = phonenumbers.region_code_for_number(phonenumbers.PhoneNumber(1, int("%d2345678" % area)))
        described = GEOCODE_DATA.get(prefix, {}).get("en")
        found = collections.Counter()
        if described:
            found[described] += 1
        else:
            for longer, text in GEOCODE_DATA.items():
                if longer.startswith(prefix):
                    found[text.get("en", "")] += 1
        states = collections.Counter()
        for text, n in found.items():
            state = STATES.get(text) or (text.rsplit(", ", 1)[1] if ", " in text else None)
            if state:
                states[state] += n
        if region in ("US", "CA") and states:
            REGIONS[prefix] = (region, states.most_common(1)[0][0])
        elif region not in (None, "US"):
            REGIONS[prefix] = (region, "")
    return REGIONS


def main():
    countries, names, tz_version = read_zoneinfo()
    prefixes = zones_by_prefix(names)
    regions = region_entries()
    states = collections.defaultdict(set)
    for prefix, (region, of) in regions.items():
        zones = next(prefixes[q] for q in [prefix, *parents(prefix)] if q in prefixes)
        for state in of.split():
            states[region, state] |= zones

    all_zones = sorted(set().union(*prefixes.values(), *countries.values()))
    index = {zone: i for i, zone in enumerate(all_zones)}
    lists = {}
    flat = []

    def place(zones):
        key = tuple(sorted(index[z] for z in zones))
        if key not in lists:
            lists[key] = len(flat)
            flat.extend([len(key), *key])
        return lists[key]

    rows = [(int(p), place(z)) for p, z in prefixes.items()]
    country_rows = [(c, "", place(z)) for c, z in countries.items()]
    state_rows = [(r, s, place(z)) for (r, s), z in states.items()]

    out = sys.stdout
    out.write("/*-------------------------------------------------------------------------\n"
              " *\n"
              " * prefix_table.h\n"
              " *\t\tWritten by generate_prefixes.py; do not edit.\n"
              " *\n"
              " * Facts from phonenumbers %s (libphonenumber) and tzdata %s.\n"
              " *\n"
              " *-------------------------------------------------------------------------\n"
              " */\n" % (phonenumbers.__version__, tz_version))

    def write(comment, declaration, items, per_line):
        out.write("\n/* %s */\n%s = {\n" % (comment, declaration))
        for i in range(0, len(items), per_line):
            out.write("\t" + " ".join(item + "," for item in items[i:i + per_line]) + "\n")
        out.write("};\n")

    write("Zones", "static const char *const zone_names[]", ['"%s"' % z for z in all_zones], 4)
    write("Lists of zones: how many, then their numbers", "static const uint16_t zone_lists[]",
          [str(n) for n in flat], 24)
    write("First digits and the list that they tell", "static const struct\n{\n\tuint32_t\tprefix;\n\tuint16_t\tzones;\n}\t\t\tzone_prefixes[]",
          ["{%d, %d}" % r for r in sorted(rows)], 8)
    write("First digits, country, states", "static const struct\n{\n\tuint32_t\tprefix;\n\tchar\t\tregion[3];\n\tchar\t\tstates[9];\n}\t\t\tregion_prefixes[]",
          ['{%d, "%s", "%s"}' % r for r in sorted((int(p), r, s) for p, (r, s) in regions.items())], 6)
    write("Country, state or \"\", and the list of its zones", "static const struct\n{\n\tchar\t\tregion[3];\n\tchar\t\tstate[4];\n\tuint16_t\tzones;\n}\t\t\tplace_zones[]",
          ['{"%s", "%s", %d}' % r for r in sorted(country_rows + state_rows)], 6)


main()
