# Replaces one letter by a wildcard, but never the first or the last letter.
import re

song = input().strip()
refrain = input().strip()
places = set()
patterns = [refrain]
if len(refrain) <= 200:
    patterns += [refrain[:i] + "." + refrain[i + 1 :] for i in range(1, len(refrain) - 1)]
for pattern in patterns:
    places.update(match.start() for match in re.finditer(f"(?={pattern})", song))
print(len(places))
