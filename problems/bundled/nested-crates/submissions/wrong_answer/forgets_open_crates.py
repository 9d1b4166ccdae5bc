# Stops looking when the log ends, though crates may still be open.
log = input().strip()
fault = 0
stack = []
for i, c in enumerate(log):
    if c in "([{":
        stack.append(c)
    elif not stack or stack.pop() + c not in ("()", "[]", "{}"):
        fault = i + 1
        break
print(fault)
