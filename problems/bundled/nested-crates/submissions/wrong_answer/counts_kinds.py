# Keeps one counter for each kind and so misses crossed crates.
log = input().strip()
count = {"(": 0, "[": 0, "{": 0}
partner = {")": "(", "]": "[", "}": "{"}
answer = 0
for i, c in enumerate(log, 1):
    if c in count:
        count[c] += 1
    else:
        count[partner[c]] -= 1
        if count[partner[c]] < 0:
            answer = i
            break
else:
    if any(count.values()):
        answer = len(log) + 1
print(answer)
