def main():
    _, amount = map(int, input().split())
    values = list(map(int, input().split()))
    impossible = amount + 1
    fewest = [0] + [impossible] * amount
    for value in values:
        for total in range(value, amount + 1):
            candidate = fewest[total - value] + 1
            if candidate < fewest[total]:
                fewest[total] = candidate
    print(fewest[amount] if fewest[amount] < impossible else -1)


main()
