def main():
    n = int(input())
    times = [list(map(int, input().split())) for _ in range(n)]
    customers = n - 1  # customer c is place c + 1, counted from 0
    unknown = float("inf")
    # fastest[visited][last]: from the depot through the set `visited`, ending at `last`
    fastest = [[unknown] * customers for _ in range(1 << customers)]
    for first in range(customers):
        fastest[1 << first][first] = times[0][first + 1]
    for visited in range(1, 1 << customers):
        row = fastest[visited]
        open_customers = [c for c in range(customers) if not visited >> c & 1]
        for last in range(customers):
            if row[last] == unknown:
                continue
            here = times[last + 1]
            for c in open_customers:
                target = fastest[visited | 1 << c]
                time = row[last] + here[c + 1]
                if time < target[c]:
                    target[c] = time
    print(min(fastest[-1][last] + times[last + 1][0] for last in range(customers)))


main()
