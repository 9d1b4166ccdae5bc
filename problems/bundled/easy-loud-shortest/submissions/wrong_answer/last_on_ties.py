print(min(reversed(input().upper().split()), key=len))
