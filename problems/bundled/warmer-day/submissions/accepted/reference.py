def main():
    n = int(input())
    days = list(map(int, input().split()))
    waits = [0] * n
    waiting = []  # days that have seen no warmer one yet; their temperatures never rise
    for today, warmth in enumerate(days):
        while waiting and days[waiting[-1]] < warmth:
            day = waiting.pop()
            waits[day] = today - day
        waiting.append(today)
    print(*waits)


main()
