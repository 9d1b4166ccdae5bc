# Pops without asking whether any crate is open.
log = input().strip()
stack = []
answer = 0
for i, c in enumerate(log, 1):
    if c in "([{":
        stack.append(c)
    elif stack.pop() + c not in ("()", "[]", "{}"):
        answer = i
        break
else:
    if stack:
        answer = len(log) + 1
print(answer)
