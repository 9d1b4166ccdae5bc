# Goes on behind a place where the refrain stands, and so misses overlaps.
song = input().strip()
refrain = input().strip()
m = len(refrain)
i = count = 0
while i + m <= len(song):
    if song.startswith(refrain, i) or sum(a != b for a, b in zip(song[i : i + m], refrain)) <= 1:
        count += 1
        i += m
    else:
        i += 1
print(count)
