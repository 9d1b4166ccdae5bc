n = int(input())
print(*sorted(map(int, input().split()), key=lambda x: (abs(x), -x)))
